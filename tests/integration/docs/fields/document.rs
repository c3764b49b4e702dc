//! A document's operations and schemas, and what of a value they do not allow.

use serde_json::{Map, Value};

use crate::docs::documents::printed;

/// A document.
pub struct Document {
    json: Value,
    /// What every path begins with.
    prefix: &'static str,
}

/// One of its operations.
#[derive(Clone, Copy)]
pub struct Operation<'a> {
    /// In capitals.
    pub method: &'a str,
    /// With names in braces, below the API's prefix.
    pub path: &'a str,
    said: &'a Value,
}

impl Operation<'_> {
    /// As a message names it.
    pub fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// Its parameters of one place: `path`, `query` or `header`.
    pub fn parameters(&self, place: &str) -> impl Iterator<Item = &Value> {
        let all = self.said["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }

    fn content(&self) -> Option<&Value> {
        let content = self.said.pointer("/requestBody/content")?.as_object()?;
        content.values().next()
    }

    /// The schema of its body, if it takes one.
    pub fn body(&self) -> Option<&Value> {
        self.content()?.get("schema")
    }

    /// A body that is taken.
    pub fn example(&self) -> Value {
        let content = self.content().unwrap_or(&Value::Null);
        let examples = content["examples"].as_object().and_then(|all| all.values().next());
        let example = content.get("example").or(examples.map(|one| &one["value"]));
        example.unwrap_or_else(|| panic!("{}: an example", self.name())).clone()
    }

    /// The schema of what it answers with that status, as that type of contents.
    pub fn reply(&self, status: u16, content_type: &str) -> Option<&Value> {
        let content = &self.said["responses"].get(status.to_string())?["content"];
        content.get(content_type)?.get("schema")
    }

    /// Whether a success of it has contents of this type.
    pub fn replies_with(&self, content_type: &str) -> bool {
        (200..300).any(|status| self.reply(status, content_type).is_some())
    }
}

impl Document {
    /// The operator's, as the program prints it.
    pub fn of_the_operator() -> Self {
        Self::of("operator", "/operator/v1")
    }

    /// A protocol's, as the program prints it.
    pub fn of_protocol(name: &str) -> Self {
        Self::of(name, "")
    }

    fn of(name: &str, prefix: &'static str) -> Self {
        Self { json: serde_json::from_str(&printed(name)).expect("JSON"), prefix }
    }

    /// All of them.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.json["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let path = path.strip_prefix(self.prefix).expect("the prefix");
            let item = item.as_object().expect("operations");
            item.iter().map(move |(method, said)| Operation { method, path, said })
        });
        operations.collect()
    }

    /// A schema by its name, or itself.
    pub fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(name) = schema["$ref"].as_str() else { return schema };
        let pointer = name.strip_prefix('#').expect("a schema of this document");
        self.json.pointer(pointer).unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// What a schema does not allow of a value, each with its place in it.
    pub fn complaints(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.resolved(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let found = choices.iter().map(|choice| self.complaints(choice, value, at));
            return found.min_by_key(Vec::len).unwrap_or_default();
        }
        let mut wrong = Vec::new();
        if !types(schema).any(|word| is_of(value, word)) && types(schema).next().is_some() {
            wrong.push(format!("{at}: {value} is none of {}", schema["type"]));
        }
        let words = schema["enum"].as_array();
        if words.is_some_and(|words| !words.contains(value)) {
            wrong.push(format!("{at}: {value} is not among {}", schema["enum"]));
        }
        if let (Some(text), "date-time") = (value.as_str(), text(&schema["format"])) {
            let moment = chrono::DateTime::parse_from_rfc3339(text);
            wrong.extend(moment.err().map(|error| format!("{at}: {text}: {error}")));
        }
        if let Some(fields) = value.as_object() {
            wrong.extend(self.complaints_of_fields(schema, fields, at));
        }
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            wrong.extend(self.complaints(&schema["items"], item, &format!("{at}[{number}]")));
        }
        wrong
    }

    fn complaints_of_fields(
        &self,
        schema: &Value,
        fields: &Map<String, Value>,
        at: &str,
    ) -> Vec<String> {
        let required = schema["required"].as_array().into_iter().flatten().map(text);
        let missing = required.filter(|name| !fields.contains_key(*name));
        let mut wrong: Vec<_> = missing.map(|name| format!("{at}.{name} is missing")).collect();
        // An object of which nothing is said may hold anything.
        let Some(known) = schema["properties"].as_object() else {
            let each = schema.get("additionalProperties");
            let each = each.into_iter().flat_map(|each| fields.iter().map(move |f| (each, f)));
            wrong.extend(each.flat_map(|(each, (name, value))| {
                self.complaints(each, value, &format!("{at}.{name}"))
            }));
            return wrong;
        };
        for (name, value) in fields {
            match known.get(name) {
                Some(schema) => {
                    wrong.extend(self.complaints(schema, value, &format!("{at}.{name}")))
                }
                None => wrong.push(format!("{at}.{name} is not documented")),
            }
        }
        wrong
    }
}

/// The types that a schema allows.
pub fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let one = schema["type"].as_str();
    one.into_iter().chain(schema["type"].as_array().into_iter().flatten().map(text))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_of(value: &Value, word: &str) -> bool {
    match word {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("a type that this does not know: {word}"),
    }
}
