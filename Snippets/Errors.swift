// What to do after an error.

import FedifyKv
import FedifyMySQL

let kv = try MySQLKvStore(MySQLPool(url: "mysql://user:password@localhost/database"))

// snippet.use
do {
    try await kv.set(["users", "alice"], ["name": "Alice"])
} catch {
    print(error)  // the code and the message, without keys and values
    if error.isRetryable { print("try again later") }
    if error.mayHaveBeenApplied { print("the write may have taken place") }
}
// snippet.end
