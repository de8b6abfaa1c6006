extension MySQLConnection {
    package static let begin = "START TRANSACTION"
    /// Whatever `completion_type` is, no other transaction begins behind it.
    package static let commit = "COMMIT AND NO CHAIN NO RELEASE"
    package static let rollback = "ROLLBACK AND NO CHAIN NO RELEASE"

    /// Runs work in a transaction: all of it is carried out, or nothing.
    ///
    /// - Throws: What the work throws; nothing was carried out then. ``MySQLError`` if the transaction can't be begun, or
    ///   if the commit fails: only then `mayHaveBeenApplied` can be true.
    package func transaction<T>(_ work: () async throws -> T) async throws -> T {
        try await command(Self.begin, .read)
        let result: T
        do {
            result = try await work()
        } catch {
            // A connection that can't roll back is not used again: the server rolls back then.
            do throws(MySQLError) {
                try await command(Self.rollback, .read)
            } catch let failure {
                await end(failure)
            }
            throw (error as? MySQLError)?.notApplied ?? error
        }
        do throws(MySQLError) {
            try await command(Self.commit, .write)
        } catch {
            // Nothing may be left open for the next user.
            await end(error)
            throw error
        }
        return result
    }

    func end(_ error: MySQLError) async {
        _ = try? await onLoop { handler, done in
            handler.fail(error)
            done(.success(()))
        }
    }
}

extension MySQLError {
    /// The same, of a statement that was undone.
    package var notApplied: MySQLError {
        MySQLError(code, message, serverCode: serverCode, sqlState: sqlState)
    }
}
