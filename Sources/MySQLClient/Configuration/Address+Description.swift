extension MySQLConfiguration.Address: CustomStringConvertible {
    /// `host:port`, or the socket's path.
    public var description: String {
        switch self {
        case .tcp(let host, let port): "\(host.contains(":") ? "[\(host.escaped())]" : host.escaped()):\(port)"
        case .unixSocket(let path): path.escaped()
        }
    }
}
