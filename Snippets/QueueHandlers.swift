// Handlers that decide about their messages.

import FedifyKv
import FedifyMQ
import FedifyMySQL

struct Delivery: Codable, Sendable {
    var inbox: String
    var activity: String
}

struct Answer: Sendable {
    var status: Int
    var retryAfter: Duration?
}

func post(_ delivery: Delivery) async throws -> Answer { Answer(status: 202) }

let pool = try MySQLPool(url: "mysql://user:password@localhost/database")
let queue = MySQLMessageQueue(pool)
let kv = MySQLKvStore(pool)

// snippet.decisions
struct Refused: Error, CustomStringConvertible {
    let status: Int
    var description: String { "the inbox answered \(status)" }
}

let decisions = Task {
    try await queue.listen(for: Delivery.self) { delivery, message in
        let answer = try await post(delivery)
        switch answer.status {
        case 200..<300: return
        // Dead: no further attempt.
        case 404, 410: message.reject("the inbox is gone")
        // After the time that the other server asks for, instead of the usual pause.
        case 429: message.retry(after: answer.retryAfter ?? .seconds(60), reason: "too many requests")
        // After the usual pause.
        default: throw Refused(status: answer.status)
        }
    }
}
// snippet.end

// snippet.once
let once = Task {
    try await queue.listen(for: Delivery.self) { delivery, message in
        // A message has the same ID each time that it is delivered.
        let mark: KvKey = ["delivered", message.id]
        guard try await kv.get(mark) == nil else { return }
        _ = try await post(delivery)
        try await kv.set(mark, true, ttl: .seconds(7 * 86400))
    }
}
// snippet.end

// snippet.extend
let extending = Task {
    try await queue.listen { message in
        // Throws leaseLost if another handler may have the message by now.
        try await message.extend(by: .seconds(600))
        print(message.leasedUntil as Any)
    }
}
// snippet.end

for listening in [decisions, once, extending] { try await listening.value }
