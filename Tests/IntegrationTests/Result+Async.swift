extension Result where Failure == any Error {
    /// The outcome of asynchronous work, to clean up after it.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
