// Updates, caches and locks across processes.

import FedifyKv
import FedifyMySQL

struct Person: Codable, Sendable {
    var name: String
}

func fetch(_ url: String) async throws -> Person {
    Person(name: url)
}

func sendDigest(fencingNumber: Int) async throws {}

let kv = try MySQLKvStore(MySQLPool(url: "mysql://user:password@localhost/database"))
let url = "https://example.com/users/alice"

// snippet.update
let visits = try await kv.update(["visits"], as: Int.self) { ($0 ?? 0) + 1 }
// snippet.end

// snippet.getOrSet
let person = try await kv.getOrSet(["actors", url], as: Person.self, ttl: .seconds(3600)) {
    try await fetch(url)
}
// snippet.end

// snippet.withLock
try await kv.withLock(["locks", "digest"]) { lock in
    try await sendDigest(fencingNumber: lock.fencingNumber)
}
// snippet.end

print(visits, person.name)
