/// Runs a body, and cleans up after it however it ends.
func withCleanUp(_ body: () async throws -> Void, cleanUp: () async throws -> Void) async throws {
    let failure: (any Error)?
    do {
        try await body()
        failure = nil
    } catch {
        failure = error
    }
    try await cleanUp()
    if let failure { throw failure }
}
