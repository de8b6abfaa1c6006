import MySQLClient

extension MySQLConnection {
    /// The values of the server's global variables, of those that it has.
    func globalVariables(_ names: [String]) async throws -> [String: String] {
        let list = names.map { "'\($0)'" }.joined(separator: ",")
        var variables: [String: String] = [:]
        try await query("SHOW GLOBAL VARIABLES WHERE Variable_name IN (\(list))", maximumRows: names.count) { row in
            if let name = row.text(0) { variables[name] = row.text(1) }
        }
        return variables
    }
}
