// The first program: README and the article "Getting started" show it. Scripts/readme.sh runs it.

// snippet.imports
import FedifyKv
import FedifyMySQL
import Foundation

// snippet.type
struct Profile: Codable, Sendable {
    var name: String
}

// snippet.setup
guard let url = ProcessInfo.processInfo.environment["MYSQL_URL"] else {
    print("Set MYSQL_URL, for example to mysql://user:password@localhost/database")
    exit(1)
}
let pool = try MySQLPool(url: url)
let kv = MySQLKvStore(pool)
// snippet.end

// snippet.use
// Store a value for an hour, and read it back.
try await kv.set(["users", "alice"], Profile(name: "Alice"), ttl: .seconds(3600))
let alice = try await kv.get(["users", "alice"], as: Profile.self)
print(alice?.name ?? "nobody")

// Increment a counter; no update is lost, from any number of processes.
let visits = try await kv.update(["visits"], as: Int.self) { ($0 ?? 0) + 1 }
print("visits: \(visits)")

// All entries whose keys begin with "users".
for try await entry in kv.list(prefix: ["users"]) {
    print(entry.key, entry.value)
}

await pool.close()
// snippet.end
