/// A table as Markdown, nothing if it has no rows. The first columns are text, the others numbers.
package func markdownTable(_ header: [String], text: Int, _ rows: [[String]]) -> String {
    guard !rows.isEmpty else { return "" }
    let rule = header.indices.map { $0 < text ? "---" : "---:" }
    return ([header, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
}
