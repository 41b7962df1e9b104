//! Samples, their statistics, and tables of them.

use std::fmt::Write as _;

/// The results of one entrant, in the order of the rounds.
#[derive(Clone, Default)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    /// The value below which this share of the samples lies; NaN if there are none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let at = (share * last as f64).round() as usize;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// `412 (398–455)`: the median, and the range of the middle eight tenths.
    pub(crate) fn shown(&self) -> String {
        format!(
            "{} ({}–{})",
            short(self.median()),
            short(self.quantile(0.1)),
            short(self.quantile(0.9))
        )
    }
}

/// The value with about two digits, or all digits of a large one.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "–".to_owned(),
        0.0 => "0".to_owned(),
        ..1.0 => format!("{value:.2}"),
        ..10.0 => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        ..1000.0 => format!("{value:.0}"),
        _ => thousands(value),
    }
}

/// `1,234,567`
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Measures each of them once a round, in another order each time. So whatever else happens on the
/// machine affects all of them alike, and none always follows the same one, whose pages it might
/// find in the caches.
pub(crate) fn interleave<T>(
    rounds: usize,
    all: &[T],
    mut measure: impl FnMut(&T) -> f64,
) -> Vec<Samples> {
    let mut samples = vec![Samples::default(); all.len()];
    let mut order: Vec<usize> = (0..all.len()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..rounds {
        for last in (1..order.len()).rev() {
            // xorshift64: the same orders on every run.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            order.swap(last, usize::try_from(random % (last as u64 + 1)).unwrap());
        }
        for &at in &order {
            if let (Some(one), Some(samples)) = (all.get(at), samples.get_mut(at)) {
                samples.0.push(measure(one));
            }
        }
    }
    samples
}

/// A table in Markdown.
pub(crate) struct Table {
    text: String,
    columns: usize,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = Self { text: String::new(), columns: head.len() };
        table.row(head);
        table.row(&vec!["---"; head.len()]);
        table
    }

    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        assert_eq!(cells.len(), self.columns, "a row has as many cells as the head");
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
