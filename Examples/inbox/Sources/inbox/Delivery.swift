/// A message of the queue: an activity is to be posted to an inbox. The activity itself is in the store.
struct Delivery: Codable, Sendable {
    /// The inbox's URL.
    var inbox: String
    /// The activity's id.
    var activity: String
}
