//! Line charts as SVG: two axes, some lines, a legend.

use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
/// Room for the legend.
const RIGHT: f64 = 220.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;
/// Told apart with any kind of sight.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#000000"];

pub struct Chart<'a> {
    pub title: &'a str,
    pub x: Axis<'a>,
    pub y: Axis<'a>,
    pub lines: Vec<Line>,
}

pub struct Axis<'a> {
    pub name: &'a str,
    pub is_log: bool,
    /// Values to mark, with their labels; the first and the last are the ends. Where there are
    /// none, they are chosen by the lines.
    pub marks: Vec<(f64, String)>,
}

pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Axis<'_> {
    /// Marks from zero, or from a power of ten, to what covers all values.
    fn fit(&mut self, values: impl Iterator<Item = f64> + Clone) {
        if !self.marks.is_empty() {
            return;
        }
        let largest = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        let marks: Vec<f64> = if self.is_log {
            let smallest = values.filter(|value| *value > 0.0).fold(largest, f64::min);
            let first = smallest.log10().floor() as i32;
            let last = largest.log10().ceil().max(f64::from(first) + 1.0) as i32;
            (first..=last).map(|power| 10_f64.powi(power)).collect()
        } else {
            let rough = largest / 5.0;
            let power = 10_f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 2.5, 5.0, 10.0]
                .map(|factor| factor * power)
                .into_iter()
                .find(|step| *step >= rough)
                .unwrap_or(rough);
            (0..=(largest / step).ceil() as u32).map(|mark| f64::from(mark) * step).collect()
        };
        self.marks = marks.into_iter().map(|mark| (mark, plain(mark))).collect();
    }

    /// Where a value stands, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.is_log { value.max(1e-9).ln() } else { value };
        let (first, last) = match self.marks.as_slice() {
            [(first, _), .., (last, _)] => (scale(*first), scale(*last)),
            _ => (0.0, 1.0),
        };
        ((scale(value) - first) / (last - first)).clamp(0.0, 1.0)
    }
}

impl Chart<'_> {
    pub fn draw(mut self) -> String {
        let lines = &self.lines;
        self.x.fit(lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)));
        self.y.fit(lines.iter().flat_map(|line| line.points.iter().map(|point| point.1)));
        let across = |value| LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT);
        let up = |value| HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
        );
        text(&mut svg, (LEFT, 24.0), "start", "15", self.title);
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (value, label) in &self.y.marks {
            let y = up(*value);
            rule(&mut svg, (LEFT, y), (right, y), "#dddddd");
            text(&mut svg, (LEFT - 6.0, y + 4.0), "end", "12", label);
        }
        for (value, label) in &self.x.marks {
            let x = across(*value);
            rule(&mut svg, (x, bottom), (x, bottom + 5.0), "#333333");
            text(&mut svg, (x, bottom + 19.0), "middle", "12", label);
        }
        rule(&mut svg, (LEFT, bottom), (right, bottom), "#333333");
        text(&mut svg, (f64::midpoint(LEFT, right), HEIGHT - 12.0), "middle", "12", self.x.name);
        let middle = f64::midpoint(TOP, bottom);
        let _ = writeln!(
            svg,
            "<text transform=\"translate(16 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(self.y.name)
        );
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", across(*x), up(*y)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                points.join(" ")
            );
            for point in points.iter().filter(|_| line.points.len() <= 20) {
                let (x, y) = point.split_once(',').unwrap_or_default();
                let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>");
            }
        }
        for (at, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let y = TOP + 8.0 + 18.0 * at as f64;
            rule(&mut svg, (right + 14.0, y), (right + 34.0, y), colour);
            text(&mut svg, (right + 40.0, y + 4.0), "start", "12", &line.name);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
         stroke-width=\"{}\"/>",
        from.0,
        from.1,
        to.0,
        to.1,
        if COLOURS.contains(&colour) { 2 } else { 1 }
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, size: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{}</text>",
        escaped(words)
    );
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;")
}

/// A number without needless digits, thousands apart.
fn plain(number: f64) -> String {
    if number.fract() != 0.0 {
        return format!("{number}");
    }
    super::report::thousands(number)
}
