//! How to sign, with an example that is computed.

use crate::providers::signature::Scheme;
use crate::providers::spribe::signed_bytes;

/// A made-up client's secret.
const SECRET: &str = "test-spribe-client-secret-01";
/// A call as it is sent.
const TIME: &str = "1700000002";
const PATH: &str = "/spribe/info?brand=7&x=a%20b";
const BODY: &str = r#"{"user_id":"p-1001","session_token":"st-1","currency":"EUR"}"#;

/// The `X-Spribe-Client-Signature` of a call.
pub(super) fn signature(time: &str, path_and_query: &str, body: &str, secret: &str) -> String {
    Scheme::HmacSha256Hex.sign(&signed_bytes(time, path_and_query, body.as_bytes()), secret)
}

/// For the document's description, in Markdown.
pub(super) fn how_to() -> String {
    let signature = signature(TIME, PATH, BODY, SECRET);
    let percent = PATH.replace('%', "%%");
    format!(
        "### How to sign\n\n\
        Every call has three headers: `X-Spribe-Client-ID`, the client id as agreed; \
        `X-Spribe-Client-TS`, the time in Unix seconds, which may be five minutes from the wallet's; \
        and `X-Spribe-Client-Signature`: HMAC-SHA256 over that time, the path with its query exactly \
        as it is called, and the bytes of the body exactly as they are sent, one behind the other, \
        keyed with the client's secret, as 64 hex digits. A proxy that changes the path on its way \
        to the wallet breaks the signature.\n\n\
        With the secret `{SECRET}`, at `{TIME}`, this body sent to `{PATH}`\n\n\
        ```text\n{BODY}\n```\n\n\
        is signed so\n\n\
        ```sh\nprintf '{TIME}{percent}%s' '{BODY}' | openssl dgst -sha256 -hmac '{SECRET}' -r | cut -d' ' -f1\n```\n\n\
        which prints\n\n\
        ```text\n{signature}\n```\n\n\
        and is sent as\n\n\
        ```http\nX-Spribe-Client-TS: {TIME}\nX-Spribe-Client-Signature: {signature}\n```\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_is_the_one_that_other_implementations_computed() {
        let known = "77927b529022e1d5487e772c10a53d7c2919a73624a7263529600889618eeb5f";
        let text = how_to();
        assert!(text.contains(&format!("```text\n{known}\n```")), "{text}");
        assert!(text.contains(&format!("X-Spribe-Client-Signature: {known}")), "{text}");
        assert!(text.contains(&format!("'{BODY}'")), "{text}");
    }
}
