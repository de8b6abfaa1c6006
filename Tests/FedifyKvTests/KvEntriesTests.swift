import FedifyKv
import Testing

@Suite struct KvEntriesTests {
    /// A hundred pages of two entries each; counts how many were asked for.
    private actor Source {
        private(set) var pages = 0
        let failing: Int?

        init(failingAt page: Int? = nil) {
            failing = page
        }

        func next() throws -> [KvEntry]? {
            guard pages < 100 else { return nil }
            pages += 1
            if pages == failing { throw KvError(.serverError, "page \(pages)") }
            return [KvEntry(key: ["\(pages)", "a"], value: .null), KvEntry(key: ["\(pages)", "b"], value: .null)]
        }

        nonisolated var entries: KvEntries { KvEntries { { try await self.next() } } }
    }

    @Test func leavingTheLoopEndsTheWork() async throws {
        let source = Source()
        var keys: [KvKey] = []
        for try await entry in source.entries {
            keys.append(entry.key)
            if keys.count == 3 { break }
        }
        #expect(keys == [["1", "a"], ["1", "b"], ["2", "a"]])
        #expect(await source.pages == 2)
    }

    @Test func emptyPagesAreNoEnd() async throws {
        let entries = KvEntries {
            var pages: [[KvEntry]] = [[], [], [KvEntry(key: ["a"], value: .null)], []]
            return { pages.isEmpty ? nil : pages.removeFirst() }
        }
        var count = 0
        for try await _ in entries { count += 1 }
        #expect(count == 1)
    }

    @Test func anErrorEndsTheSequence() async throws {
        let source = Source(failingAt: 2)
        var iterator = source.entries.makeAsyncIterator()
        #expect(try await iterator.next()?.key == ["1", "a"])
        #expect(try await iterator.next()?.key == ["1", "b"])
        await #expect(throws: KvError.self) { try await iterator.next() }
        #expect(try await iterator.next() == nil)
        #expect(await source.pages == 2)
    }

    @Test func aCancelledTaskFetchesNoPage() async throws {
        let source = Source()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            for try await _ in source.entries {}
        }
        let error = await #expect(throws: KvError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(await source.pages == 0)
    }
}
