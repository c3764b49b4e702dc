//! How to sign, with an example that is computed.

use super::super::wire::Form;
use crate::providers::signature::Scheme;

/// A made-up brand's secret.
const SECRET: &str = "made-up-Secret-01";
/// A call of that brand's, as it is sent but for its `hash`.
const BODY: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&\
    reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&\
    roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c";

/// A body with its `hash` behind it; `None` for what is no form.
pub(super) fn signed(body: &str, secret: &str) -> Option<String> {
    Some(format!("{body}&hash={}", hash(&covered(body)?, secret)))
}

/// The text that a body's hash covers.
fn covered(body: &str) -> Option<String> {
    let texts = Form::parse(body.as_bytes()).ok()?.signed_texts();
    texts.first().and_then(|text| String::from_utf8(text.to_vec()).ok())
}

fn hash(text: &str, secret: &str) -> String {
    Scheme::Md5SuffixHex.sign(text.as_bytes(), secret)
}

/// For the document's description, in Markdown.
pub(super) fn how_to() -> String {
    let text = covered(BODY).unwrap_or_default();
    let hash = hash(&text, SECRET);
    format!(
        "### How to sign\n\n\
        Every call carries `hash`:\n\n\
        1. Take every parameter that is sent, also those that are not listed here, but not \
        `hash` itself and none that is empty.\n\
        2. Decode them (`%2C` is a comma, `+` is a space) and sort them by name, byte by byte.\n\
        3. Join them as `name=value` with `&`, numbers exactly as they are sent: `1.5` is not \
        `1.50`.\n\
        4. Put the secret right behind, without a separator.\n\
        5. MD5 of that in UTF-8, as 32 hex digits. Either case will do.\n\n\
        With the secret `{SECRET}` this body\n\n\
        ```text\n{BODY}\n```\n\n\
        is signed so\n\n\
        ```sh\nprintf '%s' '{text}{SECRET}' | md5sum | cut -d' ' -f1\n```\n\n\
        which prints\n\n\
        ```text\n{hash}\n```\n\n\
        and is sent with `&hash={hash}` behind it. The parameters of a call may come in any \
        order.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_is_the_one_that_other_implementations_computed() {
        let text = how_to();
        assert!(text.contains("```text\n257778e76af8e80074e050764c9a34b6\n```"), "{text}");
        let sorted = "'amount=1.5&gameId=vs20demogame&language=en&platform=MOBILE&\
            providerId=PragmaticPlay&reference=64f0c2a19b3d5e7f80a1b201&roundDetails=spin&\
            roundId=700100200301&timestamp=1795305601000&token=tk-7f3a1c&\
            userId=op1_88012made-up-Secret-01'";
        assert!(text.contains(sorted), "{text}");
    }
}
