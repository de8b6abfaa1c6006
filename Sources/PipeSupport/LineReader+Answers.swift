extension LineReader {
    /// Answers the lines until the last one.
    ///
    /// - Parameters:
    ///   - concurrency: The maximum number of lines that are answered at a time.
    ///   - answer: Answers a line.
    /// - Throws: `POSIXError` if the file can't be read, and what `answer` throws.
    package func answerEach(
        concurrency: Int, _ answer: @escaping @Sendable (Line) async throws -> Void
    ) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            let places = Places(concurrency)
            while let line = try await next() {
                await places.take()
                group.addTask {
                    try await answer(line)
                    await places.giveBack()
                }
            }
        }
    }
}

/// A semaphore.
private actor Places {
    private var free: Int
    private var waiting: CheckedContinuation<Void, Never>?

    init(_ count: Int) {
        free = count
    }

    /// Only one task waits.
    func take() async {
        if free == 0 { await withCheckedContinuation { waiting = $0 } }
        free -= 1
    }

    func giveBack() {
        free += 1
        waiting?.resume()
        waiting = nil
    }
}
