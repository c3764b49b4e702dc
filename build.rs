//! Makes Rust of `wallet.proto`. protox compiles it in this process: no protoc is needed.

use std::error::Error;
use std::path::PathBuf;

const PROTO: &str = "src/grpc/wallet.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let mut compiler = protox::Compiler::new(["src/grpc"])?;
    compiler.include_imports(true).include_source_info(true).open_file(PROTO)?;
    // What the reflection service tells.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("wallet.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::grpc::codec::Protobuf")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
