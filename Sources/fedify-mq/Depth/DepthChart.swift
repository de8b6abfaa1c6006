import CommandLineSupport

/// The depth over time, in a terminal: a frame replaces the one before.
struct DepthChart {
    /// Whether there is a terminal.
    let isDrawn: Bool

    private static let width = 60
    private static let height = 6
    private static let blocks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    private var looks: [Depth.Answer] = []
    private var lines = 0

    init(isDrawn: Bool) {
        self.isDrawn = isDrawn
    }

    /// A frame, with what moves the terminal's cursor back to the beginning of the one before.
    mutating func frame(adding look: Depth.Answer) -> String {
        looks = (looks + [look]).suffix(Self.width)
        let ready = looks.map(\.ready)
        let highest = ready.max() ?? 0
        var frame = Self.chart(ready, height: Self.height).map { Terminal.coloured($0, .green) }
        frame[0] += "  \(highest)"
        frame[Self.height - 1] += "  0"
        frame += [
            String(repeating: "─", count: Self.width), Depth.line(look),
            "delayed " + Self.chart(looks.map(\.delayed), height: 1)[0],
            "dead    " + Terminal.coloured(Self.chart(looks.map(\.dead), height: 1)[0], .red),
        ]
        defer { lines = frame.count }
        return (lines == 0 ? "" : "\u{1B}[\(lines)A") + frame.map { "\r\($0)\u{1B}[K\n" }.joined()
    }

    /// Columns for numbers, the last one at the right end.
    static func chart(_ numbers: [Int], height: Int) -> [String] {
        let highest = max(1, numbers.max() ?? 0)
        // A number that isn't zero can be seen.
        let eighths = numbers.map { ($0 * height * 8 + highest - 1) / highest }
        let left = String(repeating: " ", count: width - numbers.count)
        return (0..<height).map { row in
            let floor = (height - 1 - row) * 8
            return left + String(eighths.map { blocks[max(0, min(8, $0 - floor))] })
        }
    }
}
