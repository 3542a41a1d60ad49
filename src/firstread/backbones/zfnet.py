"""ZFNet, from its paper; no library that firstread builds on has it."""

from __future__ import annotations

from torch import Tensor, nn


class ZFNet(nn.Module):
    """AlexNet with a gentler first layer: 7x7 with stride 2 where AlexNet has 11x11 with stride 4.

    Zeiler and Fergus saw in deconvolutional pictures of AlexNet's first two layers that the large
    stride aliases and that many large filters are dead; this network is their cure. Layer sizes
    are those of figure 3 of the paper: 110, 55, 26, 13, 13, 13, 13 and 6 pixels a side from an
    input of 224, then 4,096, 4,096 and the classes: 62,357,608 parameters for 1,000 classes.
    Contrast is normalised across feature maps after the first two poolings with AlexNet's
    constants, of which the paper says nothing.

    Parameters
    ----------
    num_classes
        Outputs of the last layer.

    References
    ----------
    M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
    arXiv:1311.2901.
    """

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, kernel_size=7, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0),
            nn.Conv2d(96, 256, kernel_size=5, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0),
            nn.Conv2d(256, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        # The identity at 224 px; at other sizes the dense layers still fit.
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                # He's variance: the paper's 0.01 for all layers doesn't train without its
                # 70 epochs of ImageNet.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, shape (B, num_classes), of images, shape (B, 3, 224, 224)."""
        features = self.avgpool(self.features(images))
        logits: Tensor = self.classifier(features.flatten(1))
        return logits
