package import FedifyKv

extension Duration {
    /// - Throws: ``KvError`` `invalidTTL` for anything but a finite number of seconds; the store checks the rest.
    package init(ttlSeconds seconds: Double) throws(KvError) {
        guard seconds.isFinite, abs(seconds) < 1e15 else { throw TimeToLive.tooLong }
        self = .seconds(seconds)
    }
}
