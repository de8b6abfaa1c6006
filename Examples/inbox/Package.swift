// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "inbox",
    platforms: [.macOS(.v15)],
    dependencies: [
        // The store and the queue; the trait is the neighbour's, so that both examples share what was built.
        .package(name: "fedify-kv-swift", path: "../..", traits: [.defaults, "Hummingbird"]),
        // Settings of the store and the queue from the environment.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0"),
        // The deliveries are a service beside the server.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
        // The server.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.15.0"),
        // Requests to other servers, at an address that was looked at before.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        // Resolves names, and classifies addresses.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .executableTarget(
            name: "inbox",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "FedifyMQ", package: "fedify-kv-swift"),
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("status.html")]
        ),
        .testTarget(
            name: "InboxTests",
            dependencies: [
                "inbox",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ]
        ),
    ]
)
