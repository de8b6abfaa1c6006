import ArgumentParser
import MySQLClient

/// A command that doesn't exist. The parser alone would call it an unexpected argument.
package enum UnknownCommand {
    /// Checks the first argument of the command line.
    ///
    /// - Parameters:
    ///   - arguments: The command line without the program's name.
    ///   - commands: All that exist.
    ///   - otherNames: The names that other tools have for these commands.
    /// - Throws: `ValidationError` if it is the name of a command, and of none of these.
    package static func check(_ arguments: [String], commands: [String], otherNames: [String: String]) throws {
        guard let name = arguments.first, !name.hasPrefix("-"), name != "help", !commands.contains(name) else { return }
        let suggestion =
            (otherNames[name.lowercased()] ?? similar(to: name.lowercased(), in: commands)).map {
                " Did you mean \"\($0)\"?"
            } ?? ""
        throw ValidationError(
            """
            There is no command "\(name.escaped(limit: 40))".\(suggestion)
            Commands: \(commands.joined(separator: ", ")).
            """)
    }

    private static func similar(to name: String, in commands: [String]) -> String? {
        // One typing error in three letters.
        let near = commands.map { (distance: distance(Array(name), Array($0)), command: $0) }
            .filter { $0.distance <= $0.command.count / 3 }
        return near.min { $0.distance < $1.distance }?.command
    }

    /// The number of characters to insert, remove or replace (Levenshtein).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, other) in right.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
