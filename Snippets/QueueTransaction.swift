// A message that is enqueued in a transaction of the program's own.

import FedifyMQ
import FedifyMySQL

// snippet.transaction
typealias Parameter = MySQLMessageQueue.Statement.Parameter

/// A transaction, in the terms of whichever driver the program uses.
protocol Transaction: Sendable {
    func execute(_ sql: String, _ parameters: [Parameter]) async throws
}

struct Delivery: Codable, Sendable {
    var inbox: String
    var post: Int64
}

/// The post and its deliveries are stored together, or not at all.
func publish(
    _ post: Int64, _ text: String, to inboxes: [String], _ queue: MySQLMessageQueue, in transaction: some Transaction
) async throws {
    try await transaction.execute("INSERT INTO posts (id, text) VALUES (?, ?)", [.integer(post), .text(text)])
    let statement = try queue.insertStatement(for: inboxes.map { Delivery(inbox: $0, post: post) })
    try await transaction.execute(statement.sql, statement.parameters)
}
// snippet.end

struct Printing: Transaction {
    func execute(_ sql: String, _ parameters: [Parameter]) async throws { print(sql, parameters) }
}

let queue = try MySQLMessageQueue(MySQLPool(url: "mysql://user:password@localhost/database"))
try await publish(1, "Hello", to: ["https://a.example/inbox"], queue, in: Printing())
