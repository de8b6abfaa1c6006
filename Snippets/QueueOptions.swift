// Options of a queue, ordering keys, and a table that a TypeScript program uses too.

import FedifyMQ
import FedifyMySQL

struct Delivery: Codable, Sendable {
    var inbox: String
    var activity: String
}

func withOptions(_ pool: MySQLPool) throws -> MySQLMessageQueue {
    // snippet.options
    var options = MySQLMessageQueueOptions()
    options.tableName = "deliveries"
    options.pollInterval = .milliseconds(100)
    options.delivery.lease = .seconds(60)
    options.delivery.maximumAttempts = 20
    options.delivery.handlerTimeout = .seconds(300)
    let queue = try MySQLMessageQueue(pool, options: options)
    // snippet.end
    return queue
}

func inOrder(_ queue: MySQLMessageQueue, _ create: Delivery, _ delete: Delivery) async throws {
    // snippet.order
    // One at a time, in this order, in whichever processes listen.
    try await queue.enqueue(create, orderingKey: "https://example.com/users/alice")
    try await queue.enqueue(delete, orderingKey: "https://example.com/users/alice")
    // snippet.end
}

func overtaking(_ pool: MySQLPool) throws -> MySQLMessageQueue {
    // snippet.overtake
    var options = MySQLMessageQueueOptions()
    // A failed message lets the next ones of its key pass.
    options.delivery.whenFailed = .overtake
    let queue = try MySQLMessageQueue(pool, options: options)
    // snippet.end
    return queue
}

func shared() async throws -> MySQLMessageQueue {
    // snippet.shared
    var configuration = try MySQLConfiguration(url: "mysql://user:password@localhost/database")
    // Where the server's time zone isn't UTC: the sessions of both programs must have the same one.
    configuration.sessionSetup = ["SET time_zone = '+00:00'"]
    let queue = try MySQLMessageQueue(MySQLPool(configuration))

    // Adds the columns that count attempts to a table made by the TypeScript queue, which ignores them.
    try await queue.initialize(upgrading: true)
    // snippet.end
    return queue
}

let pool = try MySQLPool(url: "mysql://user:password@localhost/database")
let delivery = Delivery(inbox: "https://a.example/inbox", activity: "https://example.com/activities/1")
try await inOrder(withOptions(pool), delivery, delivery)
print(try await overtaking(pool).depth(), try await shared().depth())
