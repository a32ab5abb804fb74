"""The reference's steps as one plain script: what the pipeline's time is held against.

    python benchmarks/reference.py TABLE FOLDER

Our own writing of what AlvinOctaH/Deeplearning-RNN-PyTorch describes: read, draw the correlations,
drop incomplete rows, split, train one network for 1000 epochs, score it, write two workbooks.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from torch import nn

SEMESTERS = ["1st", "2nd", "3rd", "4th", "5th"]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.RNN(4, 64, 3, batch_first=True, dropout=0.2)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(64, 1)

    def forward(self, grades: torch.Tensor) -> torch.Tensor:
        states, _ = self.recurrent(grades)
        return torch.relu(self.output(self.dropout(states[:, -1])))


def main(table: Path, folder: Path) -> None:
    mpl.use("Agg")
    frame = pd.read_csv(table)
    plt.figure(figsize=(10, 8))
    sns.heatmap(frame.corr(numeric_only=True), annot=True, cmap="coolwarm")
    plt.savefig(folder / "heatmap.png")

    frame = frame[SEMESTERS].dropna()
    train, test, train_target, test_target = train_test_split(
        frame[SEMESTERS[:-1]], frame["5th"], test_size=0.2, random_state=42
    )
    inputs = torch.tensor(train.to_numpy(), dtype=torch.float32)[:, None]
    target = torch.tensor(train_target.to_numpy(), dtype=torch.float32)[:, None]
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001, weight_decay=1e-5)
    for epoch in range(1, 1001):
        network.train()
        loss = nn.functional.mse_loss(network(inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 100 == 0:
            print(f"epoch {epoch}: loss {loss.item():.4f}")

    network.eval()
    with torch.no_grad():
        forecast = network(torch.tensor(test.to_numpy(), dtype=torch.float32)[:, None])[:, 0]
    print(f"test MSE {mean_squared_error(test_target, forecast):.4f}")
    scores = pd.DataFrame({"Predicted Exam Score": forecast.numpy()})
    scores.to_excel(folder / "predicted_scores.xlsx", index=False)
    test_target.to_frame().to_excel(folder / "testing_data.xlsx", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
