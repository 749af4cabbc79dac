//! Which statements of a snapshot's schema are executed: those that make an EventCore table or an
//! index on one, and no others.
//!
//! A repository may be hostile, and SQL can attach files, read others and leave triggers behind.
//! A schema with any other statement is refused whole.
//!
//! Source: <https://www.sqlite.org/lang_createtable.html>, <https://www.sqlite.org/lang_createindex.html>.

use super::schema::TABLES;

/// The statements of a schema. Indexes come after what they index, and are quicker to make when
/// it is complete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statements {
    pub(super) tables: Vec<String>,
    pub(super) indexes: Vec<String>,
}

/// A statement that is not executed.
#[derive(Debug, thiserror::Error)]
#[error("the schema has a statement that makes no table of EventCore and no index: '{beginning}'")]
pub(super) struct RefusedStatement {
    beginning: String,
}

/// How much of a refused statement a message shows, in characters.
const SHOWN_CHARACTERS: usize = 60;

impl Statements {
    /// Takes a schema apart.
    pub(super) fn parse(schema: &str) -> Result<Self, RefusedStatement> {
        let mut statements = Self::default();
        let mut rest = schema;
        while let Some((text, tokens, after)) = next_statement(rest) {
            rest = after;
            // SQLite keeps a statement to its end, which is before the line of the semicolon.
            let text = text.strip_suffix('\n').unwrap_or(text);
            match tokens.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [] => {}
                ["CREATE", "TABLE", table, "(", ..] if is_known(table) => {
                    statements.tables.push(text.to_owned());
                }
                ["CREATE", "INDEX", _, "ON", table, "(", ..]
                | ["CREATE", "UNIQUE", "INDEX", _, "ON", table, "(", ..]
                    if is_known(table) =>
                {
                    statements.indexes.push(text.to_owned());
                }
                _ => {
                    let beginning = text.trim().chars().take(SHOWN_CHARACTERS).collect();
                    return Err(RefusedStatement { beginning });
                }
            }
        }
        Ok(statements)
    }
}

fn is_known(table: &str) -> bool {
    TABLES.iter().any(|known| known.name.eq_ignore_ascii_case(table))
}

/// The most tokens that tell what a statement is: up to an index's opening parenthesis.
const TOKENS_TOLD: usize = 7;

/// The first statement, its first tokens, and what follows its semicolon. Bare words are in upper
/// case, as SQL does not tell cases apart.
fn next_statement(text: &str) -> Option<(&str, Vec<String>, &str)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((token, after)) = next_token(rest) {
        if let Token::End = token {
            return Some((&text[..text.len() - rest.len()], tokens, after));
        }
        if tokens.len() < TOKENS_TOLD {
            match token {
                Token::Name(name) => tokens.push(name),
                Token::Other(text) => tokens.push(text.to_owned()),
                Token::Blank | Token::End => {}
            }
        }
        rest = after;
    }
    (!text.is_empty()).then_some((text, tokens, ""))
}

enum Token<'a> {
    /// Space or a comment.
    Blank,
    /// A bare word in upper case, or a quoted name as it is.
    Name(String),
    /// A string or a sign.
    Other(&'a str),
    /// A semicolon.
    End,
}

fn next_token(text: &str) -> Option<(Token<'_>, &str)> {
    let first = text.chars().next()?;
    let (length, kind): (usize, fn(&str) -> Token<'_>) = match first {
        ';' => (1, |_| Token::End),
        '-' if text.starts_with("--") => (text.find('\n').unwrap_or(text.len()), |_| Token::Blank),
        '/' if text.starts_with("/*") => (closed_by(text, 2, "*/"), |_| Token::Blank),
        '\'' => (quoted(text, '\''), |token| Token::Other(token)),
        '"' | '`' => (quoted(text, first), |token| Token::Name(unquoted(token))),
        '[' => (closed_by(text, 1, "]"), |token| Token::Name(unquoted(token))),
        ' ' | '\t' | '\n' | '\r' | '\x0c' => (1, |_| Token::Blank),
        _ if is_word(first) => {
            let length = text.find(|character| !is_word(character)).unwrap_or(text.len());
            (length, |token| Token::Name(token.to_ascii_uppercase()))
        }
        _ => (first.len_utf8(), |token| Token::Other(token)),
    };
    let (token, rest) = text.split_at_checked(length)?;
    Some((kind(token), rest))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

/// The length of what ends with the next `end` after the first `from` bytes.
fn closed_by(text: &str, from: usize, end: &str) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.find(end).map_or(text.len(), |at| from + at + end.len())
}

/// The length of what is quoted; a doubled quotation mark stands for itself.
fn quoted(text: &str, mark: char) -> usize {
    let mut length = closed_by(text, 1, mark.encode_utf8(&mut [0; 4]));
    while text.get(length..).is_some_and(|rest| rest.starts_with(mark)) {
        length = closed_by(text, length + 1, mark.encode_utf8(&mut [0; 4]));
    }
    length
}

/// A quoted name. Doubled marks stay doubled: no name that we know has one.
fn unquoted(token: &str) -> String {
    token.get(1..token.len() - 1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::schema::PUBLISHED;
    use super::*;

    #[test]
    fn the_published_schema_has_three_tables_and_two_indexes() {
        let statements = Statements::parse(PUBLISHED).unwrap();
        assert_eq!((statements.tables.len(), statements.indexes.len()), (3, 2));
    }

    #[test]
    fn names_may_be_quoted_and_comments_and_strings_may_hold_semicolons() {
        let schema = "-- one; two\ncreate table \"eventcore_events\"(a DEFAULT ';' /* ; */);\n\
                      CREATE INDEX [an ; index] ON `eventcore_events` (a) -- the last; really\n";
        let statements = Statements::parse(schema).unwrap();
        assert_eq!((statements.tables.len(), statements.indexes.len()), (1, 1));
    }

    #[test]
    fn whatever_else_a_schema_has_is_refused() {
        for hostile in [
            "ATTACH '/etc/passwd' AS stolen",
            "CREATE TRIGGER t AFTER INSERT ON eventcore_events BEGIN DELETE FROM x; END",
            "CREATE TABLE eventcore_events AS SELECT readfile('/etc/passwd')",
            "CREATE TABLE other.eventcore_events (a)",
            "CREATE TEMP TABLE eventcore_events (a)",
            "CREATE TABLE other (a)",
            "CREATE VIRTUAL TABLE eventcore_events USING fts5(a)",
            "CREATE VIEW eventcore_events AS SELECT 1",
            "CREATE INDEX i ON other (a)",
            "CREATE UNIQUE INDEX main.i ON eventcore_events (a)",
            "PRAGMA writable_schema = ON",
            "SELECT load_extension('x')",
            "/* CREATE TABLE eventcore_events ( */ VACUUM INTO '/tmp/x'",
            "'CREATE' TABLE eventcore_events (a)",
            "\u{feff}CREATE TABLE eventcore_events (a)",
            "\"CREATE",
        ] {
            let schema = format!("{PUBLISHED}{hostile}");
            let refused = Statements::parse(&schema).expect_err(hostile).to_string();
            let beginning: String = hostile.chars().take(20).collect();
            assert!(refused.contains(&beginning), "{refused}");
        }
    }
}
