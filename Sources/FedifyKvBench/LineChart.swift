import Foundation

/// A chart of lines in SVG that stands by itself, readable on light and dark pages.
public struct LineChart: Sendable {
    /// A line and its name.
    public struct Line: Sendable {
        var name: String
        /// The value at each of the chart's positions; nil: no value.
        var values: [Double?]

        /// A line and its name.
        public init(_ name: String, _ values: [Double?]) {
            self.name = name
            self.values = values
        }
    }

    static let width = 720.0
    static let height = 400.0
    private static let left = 80.0
    private static let right = 20.0
    private static let top = 40.0
    private static let bottom = 90.0
    private static let colors = ["#2f81f7", "#f0883e", "#3fb950", "#a371f7", "#db61a2", "#8b949e"]

    private let title: String
    private let positions: [String]
    private let positionTitle: String
    private let valueTitle: String
    private let lines: [Line]
    private let marks: [(position: Double, name: String)]

    /// A chart.
    ///
    /// - Parameters:
    ///   - title: What it shows.
    ///   - positions: What stands below the horizontal axis, from left to right, at equal distances.
    ///   - positionTitle: What those are.
    ///   - valueTitle: What the values are, with their unit.
    ///   - lines: The lines.
    ///   - marks: Events at a position, or between two, each with its name.
    public init(
        title: String, positions: [String], positionTitle: String, valueTitle: String, lines: [Line],
        marks: [(position: Double, name: String)] = []
    ) {
        self.title = title
        self.positions = positions
        self.positionTitle = positionTitle
        self.valueTitle = valueTitle
        self.lines = lines
        self.marks = marks
    }

    /// The chart's text.
    public var svg: String {
        let largest = lines.flatMap(\.values).compactMap(\.self).max() ?? 1
        let step = Self.step(below: largest)
        let ticks = Int((largest / step).rounded(.up))
        let most = max(step, Double(ticks) * step)
        func x(_ position: Double) -> Double {
            let room = Self.width - Self.left - Self.right
            return Self.left + room * (position + 0.5) / Double(max(1, positions.count))
        }
        func y(_ value: Double) -> Double {
            Self.height - Self.bottom - (Self.height - Self.top - Self.bottom) * value / most
        }
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
            font-family="system-ui, sans-serif" font-size="12" fill="#808890">
            """,
            text(Self.width / 2, 20, title, anchor: "middle", size: 15),
            text(
                Self.left + (Self.width - Self.left - Self.right) / 2, Self.height - 46, positionTitle, anchor: "middle"
            ),
            """
            <text x="16" y="\(Self.number(y(most / 2)))" text-anchor="middle" \
            transform="rotate(-90 16 \(Self.number(y(most / 2))))">\(Self.escaped(valueTitle))</text>
            """,
        ]
        for tick in 0...max(1, ticks) {
            let value = Double(tick) * step
            parts.append(
                """
                <path d="M\(Self.number(Self.left)) \(Self.number(y(value)))H\(Self.number(Self.width - Self.right))" \
                stroke="#808890" stroke-opacity="\(tick == 0 ? "1" : "0.25")"/>
                """)
            parts.append(text(Self.left - 8, y(value) + 4, Self.label(value), anchor: "end"))
        }
        for (position, label) in positions.enumerated() {
            parts.append(text(x(Double(position)), Self.height - Self.bottom + 18, label, anchor: "middle"))
        }
        for mark in marks {
            let (place, bottom) = (Self.number(x(mark.position)), Self.number(Self.height - Self.bottom))
            parts.append(
                "<path d=\"M\(place) \(Self.number(Self.top))V\(bottom)\" stroke=\"#f85149\" stroke-opacity=\"0.4\"/>")
            parts.append(
                "<text x=\"\(place)\" y=\"\(bottom)\" font-size=\"8\" fill=\"#f85149\" "
                    + "transform=\"rotate(-90 \(place) \(bottom)) translate(4 -2)\">\(Self.escaped(mark.name))</text>")
        }
        // Many points would hide the line.
        let hasPoints = positions.count <= 60
        for (index, line) in lines.enumerated() {
            let color = Self.colors[index % Self.colors.count]
            let points = line.values.enumerated().compactMap { position, value in
                value.map { (x(Double(position)), y($0)) }
            }
            let path = points.map { "\(Self.number($0.0)),\(Self.number($0.1))" }.joined(separator: " ")
            parts.append("<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\"/>")
            for (x, y) in points where hasPoints {
                parts.append("<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"3\" fill=\"\(color)\"/>")
            }
            let place = Self.left + (Self.width - Self.left - Self.right) * Double(index) / Double(lines.count)
            parts.append(
                "<rect x=\"\(Self.number(place))\" y=\"\(Self.number(Self.height - 28))\" width=\"12\" height=\"12\" "
                    + "fill=\"\(color)\"/>")
            parts.append(text(place + 18, Self.height - 18, line.name, anchor: "start"))
        }
        return parts.joined(separator: "\n") + "\n</svg>\n"
    }

    private func text(_ x: Double, _ y: Double, _ text: String, anchor: String, size: Int = 12) -> String {
        "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\">"
            + "\(Self.escaped(text))</text>"
    }

    /// A round number, so that four to ten of them reach the largest value.
    private static func step(below most: Double) -> Double {
        guard most > 0 else { return 1 }
        let power = pow(10, (log10(most)).rounded(.down))
        return [0.1, 0.2, 0.25, 0.5, 1].map { $0 * power }.first { most / $0 <= 8 } ?? power
    }

    private static func label(_ value: Double) -> String {
        if value >= 10_000 { return number(value / 1000) + "k" }
        return number(value)
    }

    private static func number(_ value: Double) -> String {
        let text = String(format: "%.2f", value)
        return text.contains(".") ? String(text.trimmingSuffix("0").trimmingSuffix(".")) : text
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(_ character: Character) -> SubSequence {
        var end = endIndex
        while end > startIndex, self[index(before: end)] == character { end = index(before: end) }
        return self[..<end]
    }
}
