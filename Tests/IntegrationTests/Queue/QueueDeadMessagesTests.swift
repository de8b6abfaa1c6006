import FedifyMQ
import FedifyMySQL
import Testing

/// Dead messages, as a program lists them.
@Suite struct QueueDeadMessagesTests {
    @Test(arguments: try await TestServer.all)
    func theLastOnesComeFirst(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            #expect(try await tool.queue.deadMessages().isEmpty)
            for number in 1...3 { try await tool.bury("id-\(number)", "{\"n\":\(number)}", key: "key \(number)") }
            #expect(try await tool.queue.deadMessages().map(\.id) == ["id-3", "id-2", "id-1"])
            #expect(try await tool.queue.deadMessages(limit: 0).isEmpty)
            let last = try await tool.queue.deadMessages(limit: 1)
            #expect(last.map(\.id) == ["id-3"] && last.map(\.message) == [["n": 3]])
            #expect(last.map(\.orderingKey) == ["key 3"] && last.map(\.attempts) == [3])
            #expect(last.map(\.reason) == ["why"])
        }
    }
}
