/// Carries the requests of a lane out.
package protocol BatchExecutor: Sendable {
    /// Carries out a batch, on the connection's event loop.
    ///
    /// - Parameters:
    ///   - requests: They travel together.
    ///   - connection: It is theirs until `done`.
    ///   - done: To be called once, when nothing of the batch is under way any more, with what answers the callers. It
    ///     runs after the next batch has gone out.
    func execute(
        _ requests: [ScheduledRequest], on connection: MySQLConnection, done: @escaping (@escaping () -> Void) -> Void)
}
