/// A table: the first and last columns are aligned left, the others right.
package struct TextTable {
    private let rows: [[String]]

    /// - Parameter rows: The first is the heading.
    package init(_ rows: [[String]]) {
        self.rows = rows
    }

    package var text: String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let cell = row[column]
                // No padding after the last one, which may have colors.
                if column == row.count - 1 { return cell }
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }.joined(separator: "  ").trimmingEnd
        }.joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingEnd: String {
        String(self[..<(lastIndex { $0 != " " }.map { index(after: $0) } ?? startIndex)])
    }
}
