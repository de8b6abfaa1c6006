extension MySQLConnection {
    package static let begin = "START TRANSACTION"
    /// Whatever `completion_type` is, no other transaction begins after it.
    package static let commit = "COMMIT AND NO CHAIN NO RELEASE"
    package static let rollback = "ROLLBACK AND NO CHAIN NO RELEASE"

    /// Runs work in a transaction: atomically.
    ///
    /// - Throws: What the work throws; nothing was applied then. ``MySQLError`` if the transaction can't be begun, or
    ///   if the commit fails: only then `mayHaveBeenApplied` can be true.
    package func transaction<T>(_ work: () async throws -> T) async throws -> T {
        try await command(Self.begin, .read)
        let result: T
        do {
            result = try await work()
        } catch {
            // A connection that can't roll back is closed, so that the server rolls back.
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
            // Leave no transaction open for the next user.
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
