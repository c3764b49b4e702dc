//! The OpenAPI document that is checked in is the one that the program prints.

use std::path::Path;

use crate::support::node::program;

#[test]
fn the_document_is_what_the_program_prints() {
    let output = program().arg("openapi").output().expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/wallet.json");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let differs = printed.lines().zip(stored.lines()).find(|(printed, stored)| printed != stored);
    assert!(
        printed == stored,
        "openapi/wallet.json is not what the program prints ({differs:?}). This mends it:\n\
         cargo run -- openapi > openapi/wallet.json"
    );
}
