import FedifyKv
import MySQLClient

/// One compare-and-swap. Each way through it ends in one autocommitted statement that decides, or in a read that shows
/// that the entry wasn't as expected: so it holds at every isolation level, and holds no lock between statements.
struct Swap: Sendable {
    let key: KvKey
    let expected: CheckedValue?
    let new: CheckedValue?
    let life: MySQLParameter
    let statements: Statements

    /// It can be decided together with others: its row is there, or its answer is no. (A row that isn't there can't be
    /// locked.)
    var isCoalescible: Bool { expected != nil && new != nil }

    func run(on connection: MySQLConnection) throws -> Bool {
        try new?.check(for: connection, with: key)
        guard let expected else { return try claim(on: connection) }
        let dialect = Dialect(connection.server)
        // A number that the server would alter must not get there: it could be taken for another one.
        let isExact = dialect.keeps(expected.summary)
        if isExact, try swap(expected.value, on: connection) { return true }
        guard dialect.comparesText || !isExact else { return false }
        // The value may be equal and written otherwise, 2^53 + 1 as 9007199254740993.0 for one. It is swapped as it is
        // written, if nobody was faster.
        while true {
            guard let present = try read(on: connection), present == expected.value else { return false }
            if try swap(present, on: connection) { return true }
            try connection.checkDeadline()
        }
    }

    /// Absent to `new`.
    private func claim(on connection: MySQLConnection) throws -> Bool {
        guard let new else { return try read(on: connection) == nil }
        while true {
            if try insert(new, on: connection) { return true }
            // There is a row, of an entry that is live, or expired and not removed yet.
            if try read(on: connection) != nil { return false }
            if try connection.query(statements.replaceExpired, [new.parameter, life, keyText]) > 0 { return true }
            // Another took it over, or it was removed.
            try connection.checkDeadline()
        }
    }

    private func insert(_ new: CheckedValue, on connection: MySQLConnection) throws -> Bool {
        do throws(MySQLError) {
            try connection.query(statements.insert, [keyText, new.parameter, life])
            return true
        } catch {
            if error.serverCode == ServerErrorCode.duplicateKey { return false }
            throw error
        }
    }

    private func swap(_ expected: KvValue, on connection: MySQLConnection) throws -> Bool {
        let dialect = Dialect(connection.server)
        let expected = MySQLParameter.text(expected.json)
        if let new {
            return try connection.query(statements.replace(dialect), [new.parameter, life, keyText, expected]) > 0
        }
        return try connection.query(statements.remove(dialect), [keyText, expected]) > 0
    }

    private func read(on connection: MySQLConnection) throws -> KvValue? {
        var value: KvValue?
        try connection.query(statements.get, [keyText]) { value = $0.value(0) }
        return value
    }
}

extension Swap: CoalescedRequest {
    var size: Int { key.serialized.utf8.count + (new?.summary.byteCount ?? 0) + 64 }

    private var keyText: MySQLParameter { .text(key.serialized) }
}
