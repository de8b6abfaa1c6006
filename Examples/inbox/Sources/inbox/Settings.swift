/// The settings, with their defaults.
struct Settings: Sendable {
    /// Where the server listens, on 127.0.0.1.
    var port = 8080
    /// How long one server may work on an activity. After this another may take it over: longer than the work takes.
    var claimLife = Duration.seconds(60)
    /// How long an activity is known to be handled: longer than any sender tries again.
    var doneLife = Duration.seconds(30 * 86400)
    /// How long a fetched actor is good for.
    var actorLife = Duration.seconds(3600)
    /// How long an actor that could not be fetched isn't asked for again.
    var failureLife = Duration.seconds(60)
    /// How many activities a host may send in each window.
    var requestsPerWindow = 120
    /// The windows in which activities are counted.
    var window = Duration.seconds(60)
    /// How actors are fetched, and activities are delivered.
    var client = RemoteClient()
}
