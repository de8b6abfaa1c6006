extension MySQLConnection {
    /// Runs work that may take longer than the configuration's deadline, after which the server would end a statement.
    func allowing<T>(
        _ time: Duration, insteadOf usual: Duration, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> T
    ) async throws -> T {
        guard time > usual else { return try await body() }
        try await command(SessionSetup.limits(time), .read)
        do {
            let result = try await body()
            await restoreLimits(usual)
            return result
        } catch {
            await restoreLimits(usual)
            throw error
        }
    }

    private func restoreLimits(_ usual: Duration) async {
        do throws(MySQLError) {
            try await command(SessionSetup.limits(usual), .read)
        } catch {
            // Reset it before the connection is used again.
            await end(error)
        }
    }
}
