//! Takes out of a dump what is about the session that would execute it: settings, commands of `psql`
//! and comments. A restore has settings of its own.

/// What begins lines that are left out where a statement may begin.
const LEFT_OUT: [&str; 5] = ["SET ", "SELECT pg_catalog.set_config(", "CREATE SCHEMA ", "\\", "--"];

/// The statements of a dump that make something. Namespaces are made by who restores, as they may
/// be there.
pub(super) fn without_settings(dump: &str) -> String {
    let mut kept = String::with_capacity(dump.len());
    let mut scanner = Scanner::default();
    for line in dump.split_inclusive('\n') {
        let is_start = scanner.is_between_statements();
        let is_left_out = line.trim().is_empty() || LEFT_OUT.iter().any(|it| line.starts_with(it));
        if is_start && is_left_out {
            continue;
        }
        scanner.read(line);
        kept.push_str(line);
        if scanner.is_between_statements() {
            kept.push('\n');
        }
    }
    kept
}

/// Where in the text of statements a line ends.
#[derive(Default)]
struct Scanner {
    /// What ends what is quoted, such as `'` or `$function$`.
    quote: Option<String>,
    /// Whether a statement began and has not ended.
    is_inside: bool,
}

impl Scanner {
    fn is_between_statements(&self) -> bool {
        self.quote.is_none() && !self.is_inside
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        loop {
            if let Some(quote) = &self.quote {
                let Some((_, after)) = rest.split_once(quote.as_str()) else { return };
                // A quote that is doubled ends and begins anew, which is the same.
                (self.quote, rest) = (None, after);
            }
            let mut characters = rest.chars();
            let Some(character) = characters.next() else { return };
            match character {
                '\'' | '"' => self.quote = Some(character.to_string()),
                '$' => self.quote = dollar_quote(rest),
                '-' if rest.starts_with("--") => return,
                _ => {}
            }
            self.is_inside = match character {
                ';' => false,
                _ => self.is_inside || !character.is_whitespace(),
            };
            rest = match &self.quote {
                Some(quote) => rest.get(quote.len()..).unwrap_or_default(),
                None => characters.as_str(),
            };
        }
    }
}

/// The mark that begins here: `$$`, or `$` and a name and `$`.
fn dollar_quote(text: &str) -> Option<String> {
    let (name, _) = text.strip_prefix('$')?.split_once('$')?;
    let is_name = name.chars().all(|character| character.is_alphanumeric() || character == '_');
    let begins_with_digit = name.starts_with(|character: char| character.is_ascii_digit());
    (is_name && !begins_with_digit).then(|| format!("${name}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_session_is_left_out_and_nothing_else() {
        let dump = r#"--
-- PostgreSQL database dump
--

\restrict abc

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA message_store;

--
-- Name: f(); Type: FUNCTION
--

CREATE FUNCTION public.f() RETURNS void
    LANGUAGE sql
    AS $_$
-- stays; it's a body
SET a = 1;
UPDATE t
SET b = 'x'
$_$;


SET default_tablespace = '';

CREATE TABLE public."odd;
SET name" (
    id uuid DEFAULT '
SET in a text; '::text
);

\unrestrict abc
"#;
        let expected = r#"CREATE FUNCTION public.f() RETURNS void
    LANGUAGE sql
    AS $_$
-- stays; it's a body
SET a = 1;
UPDATE t
SET b = 'x'
$_$;

CREATE TABLE public."odd;
SET name" (
    id uuid DEFAULT '
SET in a text; '::text
);

"#;
        assert_eq!(without_settings(dump), expected);
    }
}
