import FedifyMQ
import FedifyMQTesting
import FedifyMySQL
import Testing

/// The contract that every queue keeps, on every server.
@Suite struct QueueContractTests {
    @Test(arguments: try await TestServer.all, DeliveryOptions.FailedKey.allCases)
    func mysqlMessageQueueKeepsTheContract(
        _ server: TestServer, _ whenFailed: DeliveryOptions.FailedKey
    ) async throws {
        try await server.checkQueueContract(whenFailed)
    }
}

extension TestServer {
    /// Holds two queues on a table of their own to the contract.
    func checkQueueContract(_ whenFailed: DeliveryOptions.FailedKey) async throws {
        var options = MySQLMessageQueueOptions()
        options.tableName = Self.newTableName()
        options.delivery.whenFailed = whenFailed
        options.delivery.maximumAttempts = 3
        options.delivery.minimumBackoff = .milliseconds(50)
        options.delivery.maximumBackoff = .milliseconds(200)
        options.delivery.gracePeriod = .milliseconds(500)
        if whenFailed == .block { options.delivery.handlerTimeout = .seconds(5) }
        let queues = try (0..<2).map { _ in try MySQLMessageQueue(pool(), options: options) }
        let result = await Result {
            try await MessageQueueContract(of: queues[0], and: queues[1], options: options.delivery).check()
        }
        try await queues[0].drop()
        for queue in queues { await queue.pool.close() }
        try result.get()
    }
}
