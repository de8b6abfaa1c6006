// Listings, and operations on many keys.

import FedifyKv
import FedifyMySQL

struct Profile: Codable, Sendable {
    var name: String
}

let kv = try MySQLKvStore(MySQLPool(url: "mysql://user:password@localhost/database"))

// snippet.list
for try await entry in kv.list(prefix: ["users"]) {
    print(entry.key, entry.value)
}
// snippet.end

// snippet.many
let found = try await kv.get(keys: [["users", "alice"], ["users", "bob"]])  // [KvKey: JSONValue]
try await kv.set(entries: [KvEntry(["users", "alice"], encoding: Profile(name: "Alice"))], ttl: .seconds(60))
try await kv.delete(keys: [["users", "alice"], ["users", "bob"]])
let removed = try await kv.delete(prefix: ["users"])
// snippet.end

print(found, removed)
