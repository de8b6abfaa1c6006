extension Result where Failure == any Error {
    /// The outcome of asynchronous work, to tidy up behind it.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
