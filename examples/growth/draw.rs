//! Draws lines over a logarithmic scale, as SVG.

use std::fmt::Write;

use crate::table::Table;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 50.0;
/// Told apart also by who sees few colours, and in print.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#999999"];

/// What is drawn of a table.
pub(crate) struct Figure {
    /// Its file, without the extension.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What grows.
    pub(crate) x: Axis,
    /// The quantity and its unit.
    pub(crate) y: Axis,
    pub(crate) lines: &'static [Line],
}

/// A table and its column, and what the legend calls it.
pub(crate) struct Line(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

/// One direction of a figure.
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) scale: Scale,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// From zero.
    Linear,
    Logarithmic,
    /// Logarithmic, of bytes.
    Bytes,
}

impl Figure {
    pub(crate) fn draw(&self, tables: &[Table]) -> String {
        let points = |Line(name, column, _): &Line| {
            tables.iter().find(|table| table.name() == *name).map(|table| table.points(column)).unwrap_or_default()
        };
        let lines: Vec<_> =
            self.lines.iter().zip(COLOURS).map(|(line, colour)| (points(line), line.2, colour)).collect();
        let all = || lines.iter().flat_map(|(points, ..)| points);
        let (x, y) = (Span::over(self.x.scale, all().map(|at| at.0)), Span::over(self.y.scale, all().map(|at| at.1)));
        let across = |value: f64| LEFT + x.share(value) * (WIDTH - LEFT - RIGHT);
        let down = |value: f64| HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM);

        let mut svg = Svg::new();
        svg.text(LEFT, 22.0, "start", "font-size=\"16\" font-weight=\"bold\"", self.title);
        for tick in y.ticks() {
            let at = down(tick);
            svg.line((LEFT, at), (WIDTH - RIGHT, at), "#dddddd", 1.0);
            svg.text(LEFT - 8.0, at + 4.0, "end", "", &y.tell(tick));
        }
        for tick in x.ticks() {
            let at = across(tick);
            svg.line((at, HEIGHT - BOTTOM), (at, HEIGHT - BOTTOM + 5.0), "#666666", 1.0);
            svg.text(at, HEIGHT - BOTTOM + 20.0, "middle", "", &x.tell(tick));
        }
        svg.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "#666666", 1.0);
        svg.text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10.0, "middle", "", self.x.label);
        svg.text(8.0, TOP - 14.0, "start", "", self.y.label);
        let mut legend = LEFT + 20.0;
        for (points, label, colour) in &lines {
            svg.line((legend, TOP - 18.0), (legend + 20.0, TOP - 18.0), colour, 3.0);
            svg.text(legend + 26.0, TOP - 14.0, "start", "", label);
            legend += 26.0 + 7.5 * label.len() as f64 + 24.0;
            let places: Vec<_> = points.iter().map(|(at, value)| (across(*at), down(*value))).collect();
            svg.path(&places, colour);
        }
        svg.end()
    }
}

/// The values that an axis covers.
struct Span {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Span {
    fn over(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (least, most) =
            values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        let (from, to) = match scale {
            Scale::Linear => (0.0, round_up(most)),
            // Between powers, so that a line that is flat looks flat.
            Scale::Logarithmic | Scale::Bytes => (least.max(1e-3).min(most.max(1e-3)), most.max(1e-3)),
        };
        Self { scale, from, to }
    }

    /// Where between the ends of the axis a value lies, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let (value, from, to) = match self.scale {
            Scale::Linear => (value, self.from, self.to),
            _ => (value.max(self.from).ln(), self.from.ln(), self.to.ln()),
        };
        if to > from { (value - from) / (to - from) } else { 0.5 }
    }

    fn ticks(&self) -> Vec<f64> {
        let base: f64 = match self.scale {
            Scale::Linear => return (0..=4).map(|quarter| self.to * f64::from(quarter) / 4.0).collect(),
            Scale::Bytes => 8.0,
            Scale::Logarithmic if self.to / self.from <= 128.0 => 2.0,
            Scale::Logarithmic => 10.0,
        };
        let (first, last) = (self.from.log(base).ceil() as i32, (self.to.log(base) + 0.01).floor() as i32);
        (first..=last).map(|power| base.powi(power)).collect()
    }

    fn tell(&self, value: f64) -> String {
        let (base, units) = match self.scale {
            Scale::Bytes => (1024.0_f64, ["B", "KiB", "MiB"]),
            _ => (1000.0, ["", "k", "M"]),
        };
        let power = (0..2).rev().find(|power| value >= base.powi(power + 1)).map_or(0, |power| power + 1);
        let number = value / base.powi(power);
        let digits = if number.fract().abs() < 1e-6 {
            0
        } else if number < 1.0 {
            2
        } else {
            1
        };
        format!("{number:.digits$} {}", units[power as usize]).trim_end().to_owned()
    }
}

/// The next number that divides well into quarters.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-6).log10().floor());
    [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|most| *most >= value)
        .unwrap_or(value)
}

struct Svg(String);

impl Svg {
    fn new() -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\" fill=\"#222222\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ))
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        self.add(format_args!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, style: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{text}</text>"));
    }

    /// A line through these places, with a dot at each.
    fn path(&mut self, places: &[(f64, f64)], colour: &str) {
        let through: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let through = through.join(" ");
        self.add(format_args!("<polyline points=\"{through}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
        for (x, y) in places {
            self.add(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing into a text does not fail.
        let _ = writeln!(self.0, "{element}");
    }

    fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}
