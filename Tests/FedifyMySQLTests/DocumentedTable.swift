import Foundation

/// The first table below a heading of the documentation, whichever page has it.
struct DocumentedTable {
    struct NotFound: Error {
        let headings: [String]
    }

    let heading: [String]
    let rows: [[String]]

    /// One of the headings is there.
    init(below headings: String...) throws {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL
        for folder in ["docs", "Sources"] {
            let files = FileManager.default.enumerator(
                at: root.appending(path: folder), includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "md" else { continue }
                let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
                let start = lines.firstIndex { line in
                    line.hasPrefix("#") && headings.contains(String(line.drop { $0 == "#" }.dropFirst()))
                }
                guard let start else { continue }
                let table = lines[start...].dropFirst().prefix { !$0.hasPrefix("#") }.drop { !$0.hasPrefix("|") }.prefix
                { $0.hasPrefix("|") }.map { row in
                    row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                }
                guard let first = table.first else { continue }
                (heading, rows) = (first, Array(table.dropFirst(2)))
                return
            }
        }
        throw NotFound(headings: headings)
    }

    func column(_ text: String) -> Int? { heading.firstIndex { $0.contains(text) } }

    /// The first column, without backquotes, and the second.
    var firstColumns: [String: String] {
        Dictionary(rows.map { ($0[0].replacing("`", with: ""), $0[1]) }) { first, _ in first }
    }
}
