//! How to sign, with an example that is computed.

use crate::providers::signature::Scheme;

/// A made-up casino's token.
const TOKEN: &str = "test-softswiss-auth-token-01";
/// A body as it is sent.
const BODY: &str = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#;

/// The `X-REQUEST-SIGN` of a body.
pub(super) fn signature(body: &str, token: &str) -> String {
    Scheme::HmacSha256Hex.sign(body.as_bytes(), token)
}

/// For the document's description, in Markdown.
pub(super) fn how_to() -> String {
    let signature = signature(BODY, TOKEN);
    format!(
        "### How to sign\n\n\
        Every call has the header `X-REQUEST-SIGN`: HMAC-SHA256 over the bytes of the body, \
        exactly as they are sent, keyed with the casino's token, as 64 hex digits. JSON that says \
        the same in other bytes (another order, other spaces, `\\u00e4` for `ä`) has another \
        signature: write the body once, sign those bytes, and send them.\n\n\
        With the token `{TOKEN}` this body\n\n\
        ```text\n{BODY}\n```\n\n\
        is signed so\n\n\
        ```sh\nprintf '%s' '{BODY}' | openssl dgst -sha256 -hmac '{TOKEN}' -r | cut -d' ' -f1\n```\n\n\
        which prints\n\n\
        ```text\n{signature}\n```\n\n\
        and is sent as\n\n\
        ```http\nX-REQUEST-SIGN: {signature}\n```\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_is_the_one_that_other_implementations_computed() {
        let known = "04dcb839af8e9063fc0be744ca7bd2dd7f88ab7ca5d02e866db0bfe1f0f304c7";
        let text = how_to();
        assert!(text.contains(&format!("```text\n{known}\n```")), "{text}");
        assert!(text.contains(&format!("X-REQUEST-SIGN: {known}")), "{text}");
        assert!(text.contains(&format!("'{BODY}'")), "{text}");
    }
}
