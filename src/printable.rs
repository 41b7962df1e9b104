//! Text fit for a log: names and arguments are whatever another program chose.

/// A name fit for a log.
pub(crate) fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        // Nearly all names are of these characters.
        return text.into_owned();
    }
    text.chars().map(fit).collect()
}

/// A character fit for a log, or a question mark in its place.
pub(crate) fn fit(c: char) -> char {
    if is_unfit(c) { '?' } else { c }
}

/// Characters that could forge lines, steer a terminal, or show what follows in another order: the
/// control characters, Unicode's line and paragraph separators, and its marks of direction.
pub(crate) fn is_unfit(c: char) -> bool {
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    let mark = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}');
    let turns = mark || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || separates || turns
}
