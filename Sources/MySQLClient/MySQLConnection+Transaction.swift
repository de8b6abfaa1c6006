import CMariaDB

extension MySQLConnection {
    /// Runs work in a transaction: all of it is carried out, or nothing.
    ///
    /// - Throws: What the work throws; nothing was carried out then. ``MySQLError`` if the transaction can't be begun, or
    ///   if the commit fails: only then `mayHaveBeenApplied` can be true.
    package func transaction<T>(_ work: () throws -> T) throws -> T {
        // Within a transaction a Galera node would not wait.
        try catchUp()
        try command("START TRANSACTION", isCommit: false)
        let result: T
        do {
            result = try work()
        } catch {
            if !isBroken { rollBack() }
            throw (error as? MySQLError)?.notApplied ?? error
        }
        do throws(MySQLError) {
            try command("COMMIT", isCommit: true)
        } catch {
            // Nothing may be left open for the next user.
            isBroken = true
            throw error
        }
        return result
    }

    private func rollBack() {
        do throws(MySQLError) {
            try command("ROLLBACK", isCommit: false)
        } catch {
            isBroken = true
        }
    }

    /// Runs a statement that the protocol of prepared statements doesn't take. (MySQL: "SQL Syntax Permitted in Prepared
    /// Statements".)
    private func command(_ sql: StaticString, isCommit: Bool) throws(MySQLError) {
        let failed = sql.withUTF8Buffer { text in
            text.withMemoryRebound(to: CChar.self) {
                let (text, count) = ($0.baseAddress, UInt($0.count))
                return reads.limited {
                    mysql_real_query(mysql, text, count) != 0
                }
            }
        }
        if failed {
            throw noted(
                .ofConnectorC(
                    code: mysql_errno(mysql), sqlState: mysql_sqlstate(mysql), message: mysql_error(mysql),
                    changesData: isCommit))
        }
        guard mysql_field_count(mysql) == 0 else {
            throw noted(
                MySQLError(
                    .protocolViolation, "the server answers \(sql) with rows", mayHaveBeenApplied: isCommit))
        }
    }
}

extension MySQLError {
    /// The same, of a statement that was undone.
    fileprivate var notApplied: MySQLError {
        MySQLError(code, message, serverCode: serverCode, sqlState: sqlState)
    }
}
