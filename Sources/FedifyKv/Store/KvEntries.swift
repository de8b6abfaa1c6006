/// The entries of a listing, fetched page by page as they are consumed. Each iteration starts afresh; leaving the loop
/// ends the work.
public struct KvEntries: AsyncSequence, Sendable {
    /// Gives the next page each time it is called (a page may be empty), and nil after the last. What it throws reaches
    /// the consumer as by ``KvError/init(wrapping:)``.
    public typealias Pages = () async throws -> [KvEntry]?

    private let makePages: @Sendable () -> Pages

    /// For authors of stores: a sequence over pages.
    ///
    /// - Parameter makePages: Called once an iteration, to start at the first page.
    public init(_ makePages: @escaping @Sendable () -> Pages) {
        self.makePages = makePages
    }

    /// An iteration of its own.
    public func makeAsyncIterator() -> Iterator {
        Iterator(pages: makePages())
    }

    /// Walks the pages.
    public struct Iterator: AsyncIteratorProtocol {
        let pages: Pages
        var page: ArraySlice<KvEntry> = []
        var isFinished = false

        /// The next entry, or nil at the end.
        ///
        /// - Throws: As the store's operations; ``KvError`` `cancelled` if the task was cancelled.
        public mutating func next() async throws(KvError) -> KvEntry? {
            try await next(isolation: nil)
        }

        /// The next entry, or nil at the end.
        ///
        /// - Parameter isolation: The caller's.
        /// - Returns: The entry.
        /// - Throws: As the store's operations; ``KvError`` `cancelled` if the task was cancelled.
        public mutating func next(isolation: isolated (any Actor)?) async throws(KvError) -> KvEntry? {
            while true {
                if let entry = page.popFirst() { return entry }
                if isFinished { return nil }
                // An error ends it, too.
                isFinished = true
                do {
                    try Task.checkCancellation()
                    guard let next = try await pages() else { return nil }
                    page = next[...]
                } catch {
                    throw KvError(wrapping: error)
                }
                isFinished = false
            }
        }
    }
}
