extension MySQLPool {
    /// Runs a statement, for the benchmarks, which are packages of their own.
    ///
    /// - Parameters:
    ///   - sql: The statement.
    ///   - maximumRows: The most rows of its answer.
    /// - Returns: The texts of the rows' columns.
    /// - Throws: ``MySQLError``.
    @_spi(Benchmarks)
    public func statement(_ sql: String, maximumRows: Int = 10) async throws -> [[String?]] {
        try await withConnection { connection in
            var rows: [[String?]] = []
            try await connection.query(sql, maximumRows: maximumRows) { row in
                rows.append((0..<row.count).map { row.text($0) })
            }
            return rows
        }
    }
}
