import CommandLineSupport
import FedifyMySQL
import MySQLClient

/// How the server carries the queue's statements out, which must not depend on how many messages wait.
extension Examination {
    private struct Statement {
        let name: String
        let sql: String
        /// What stands for each `?`.
        let values: [String]
        let index: String
    }

    func plans(_ statements: QueueStatements) async throws -> Finding? {
        let examined = [
            Statement(
                name: "claim", sql: statements.claim(counted: false),
                values: ["1000000", "'1000-01-01 00:00:00'", "64"], index: statements.keyIndex),
            Statement(name: "next due", sql: statements.nextDue, values: [], index: statements.dueIndex),
            Statement(name: "keys", sql: statements.keys, values: ["''", "64"], index: statements.keyIndex),
            Statement(name: "oldest keys", sql: statements.oldestKeys, values: ["1000"], index: statements.dueIndex),
            Statement(
                name: "messages of a key", sql: statements.messages(counted: false), values: ["'k'", "1", "16"],
                index: statements.keyIndex),
            Statement(name: "depth", sql: statements.depth, values: [], index: statements.dueIndex),
        ]
        var wrong: [String] = []
        for statement in examined {
            do throws(MySQLError) {
                let (index, extra) = try await plan(statement)
                // MariaDB may answer from the index alone.
                if index != statement.index {
                    wrong.append("\(statement.name) uses \(index.isEmpty ? "no index" : index)")
                }
                if extra.contains("filesort") { wrong.append("\(statement.name) sorts") }
            } catch {
                switch error.serverCode {
                case ServerErrorCode.noSuchTable: return nil
                // An index that is named doesn't exist: of another check.
                case 1176: wrong.append("\(statement.name) fails: no index \(statement.index)")
                // Rights are of another check.
                case 1142, 1143: return Finding(.warn, "not examined: this account lacks rights on the table")
                default: throw error
                }
            }
        }
        return Finding(
            wrong.isEmpty ? .good : .bad,
            wrong.isEmpty ? "by the indexes, without sorting" : wrong.joined(separator: "; "),
            advice: wrong.isEmpty ? nil : "Throughput falls with the backlog: see indexes.")
    }

    /// The index of the last step of a plan, which reads the queue's table, and the remarks of all.
    private func plan(_ statement: Statement) async throws(MySQLError) -> (index: String, extra: String) {
        var sql = ""
        var values = statement.values[...]
        for part in statement.sql.split(separator: "?", omittingEmptySubsequences: false) {
            if !sql.isEmpty { sql += values.popFirst() ?? "" }
            sql += part
        }
        // MySQL may be set up to show trees, and has two columns more: partitions, and filtered.
        let steps = try await rows("EXPLAIN \(isMariaDB ? "" : "FORMAT=TRADITIONAL ")\(sql)")
        let extra = steps.map { ($0.last ?? nil) ?? "" }.joined(separator: "; ")
        return ((steps.last?[isMariaDB ? 5 : 6] ?? nil) ?? "", extra)
    }
}
