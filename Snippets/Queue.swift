// Messages enqueued, and handled by a listener.

// snippet.imports
import FedifyMQ
import FedifyMySQL
import Foundation

// snippet.type
struct Delivery: Codable, Sendable {
    var inbox: String
    var activity: String
}

// snippet.send
func send(_ delivery: Delivery) async throws {
    print("POST \(delivery.activity) to \(delivery.inbox)")
}

// snippet.setup
guard let url = ProcessInfo.processInfo.environment["MYSQL_URL"] else {
    print("Set MYSQL_URL, for example to mysql://user:password@localhost/database")
    exit(1)
}
let pool = try MySQLPool(url: url)
let queue = MySQLMessageQueue(pool)

// snippet.enqueue
let note = "https://example.com/activities/1"

// Now, in a minute, and several: all of them, or none.
try await queue.enqueue(Delivery(inbox: "https://a.example/inbox", activity: note))
try await queue.enqueue(Delivery(inbox: "https://b.example/inbox", activity: note), delay: .seconds(60))
try await queue.enqueue(
    ["https://c.example/inbox", "https://d.example/inbox"].map { Delivery(inbox: $0, activity: note) })

// snippet.listen
// Until the task is cancelled, up to 32 messages at a time. Returning: done. Throwing: tried again later.
try await queue.listen(for: Delivery.self, concurrency: 32) { delivery, message in
    print("message \(message.id), attempt \(message.attempt ?? 1)")
    try await send(delivery)
}
// snippet.end

await pool.close()
