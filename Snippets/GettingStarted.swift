// A value stored, found again, and a lock that one of any number of processes gets.

// snippet.imports
import FedifyKv
import FedifyMySQL

// snippet.end

struct Profile: Codable, Sendable {
    var name: String
}

// snippet.use
let pool = try MySQLPool(url: "mysql://user:password@localhost/database")
let kv = MySQLKvStore(pool)

// Store a value for an hour, and read it back.
try await kv.set(["users", "alice"], Profile(name: "Alice"), ttl: .seconds(3600))
let alice = try await kv.get(["users", "alice"], as: Profile.self)
print(alice?.name ?? "nobody")

// Only one of any number of processes gets the lock.
let won = try await kv.cas(["locks", "inbox"], expected: nil, new: "me", ttl: .seconds(30))
print(won ? "the lock is ours" : "another has the lock")

// All keys that begin with "users".
for try await entry in kv.list(prefix: ["users"]) {
    print(entry.key, entry.value)
}

try await kv.delete(["users", "alice"])
await pool.close()
// snippet.end
