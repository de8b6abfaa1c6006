// Times to live.

import FedifyKv
import FedifyMySQL

let kv = try MySQLKvStore(MySQLPool(url: "mysql://user:password@localhost/database"))

// snippet.use
// Handled once, by one process, and forgotten after a week.
let isNew = try await kv.cas(
    ["inbox", "https://example.com/activities/1"], expected: nil, new: true, ttl: .seconds(7 * 86400))

// The value and the time that is left.
if let entry = try await kv.getWithTTL(["users", "alice"]) {
    print(entry.value, entry.ttl ?? "never expires")
}

// Another value, the same end.
try await kv.setKeepingExpiry(["users", "alice"], JSONValue(encoding: ["name": "Alicia"]))
// snippet.end

print(isNew)
